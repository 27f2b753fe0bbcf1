-- Which epoch of a node spoke last is asked each 15 s for all of them; a node has as many as starts.
CREATE INDEX epoch_place ON epoch (node, place);
