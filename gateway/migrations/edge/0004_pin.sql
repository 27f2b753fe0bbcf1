-- Minutes in which an alarm was raised: the readings around them outlive those of other times.
CREATE TABLE pin (minute INTEGER PRIMARY KEY);
