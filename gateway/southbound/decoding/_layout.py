"""How compiled plans lie in arrays: what `tables` writes and the kernels read.

Few arrays, and rows named by where they begin: each array that a kernel takes costs a tenth of a
microsecond a call, and a call may hold one message.
"""

from __future__ import annotations

from typing import Final

#: Where a row names a node, and there is none.
NO_NODE: Final = -1

# A node, in `ints`: a key of an object, or a place in a list, that leads to something wanted.
# Its key in `text`.
KEY: Final = 0
KEY_SIZE: Final = 1
# Its children: an open hash table by key (MASK is -1 without any), and a list by index.
BUCKETS: Final = 2
MASK: Final = 3
PLACES: Final = 4
PLACES_SIZE: Final = 5
# What stands here: numbers of channels, and rows of sayings.
CHANNELS: Final = 6
CHANNELS_END: Final = 7
SAYINGS: Final = 8
SAYINGS_END: Final = 9
ROLE: Final = 10
# Written by the kernel: the child that came first the last time, the sibling that came after this
# one, and the stamp of the message in which this one was met.
FIRST: Final = 11
NEXT: Final = 12
SEEN: Final = 13
NODE_SIZE: Final = 14

# Bits of a role. OBJECT: the message is no uplink unless an object stands here. UNIT: a value here
# that is none of the sayings is another unit.
INNER: Final = 0
LEAF: Final = 1
TIME: Final = 2
OBJECT: Final = 4
UNIT: Final = 8

#: Steps of a pointer that a kernel follows.
DEEPEST: Final = 16

# A plan, in `ints`. BASE is the number of its first channel.
MODE: Final = 0
ROOT: Final = 1
BASE: Final = 2
COUNT: Final = 3
REQUIRED: Final = 4
TIMED: Final = 5
TIME_UNIT: Final = 6
ZONE: Final = 7
PLAN_SIZE: Final = 8

# Modes of a plan: each message to the judge, a document, a payload that is one number.
ALWAYS_SLOW: Final = 0
DOCUMENT: Final = 1
BARE: Final = 2

# Units of a time written as a number, where they are not so many nanoseconds.
BY_MAGNITUDE: Final = 0
BY_TEXT: Final = -1
#: No minutes east of UTC: texts that name no zone are not to be trusted.
NO_ZONE: Final = 10_000
#: No time: in the time column of what is decoded, and where a kernel finds none.
NO_TIME: Final = -(2**63)

# A channel, in `floats` at its number times CHANNEL_SIZE. Sentinels stand in `floats` too, and the
# two values at which, and beyond which, the number itself says that the device failed.
SCALE: Final = 0
OFFSET: Final = 1
LOW: Final = 2
HIGH: Final = 3
TEXT: Final = 4
SENTINELS: Final = 5
SENTINELS_END: Final = 6
FAILED: Final = 7
CHANNEL_SIZE: Final = 8

# A saying, in `ints`: the channel, the quality that is said of it (GOOD: that it is in its unit),
# what kind of value says it, and that value: 0 or 1, a place in `floats`, or a stretch of `text`.
SAYING_CHANNEL: Final = 0
SAYING_MEANS: Final = 1
SAYING_KIND: Final = 2
SAYING_VALUE: Final = 3
SAYING_TEXT_SIZE: Final = 4
SAYING_SIZE: Final = 5

# Kinds of a JSON value at a leaf.
NULL: Final = 0
BOOLEAN: Final = 1
NUMBER: Final = 2
STRING: Final = 3

# What the kernel works with: the stamp of the last message, how many numbers, times and slow
# messages it leaves, how often a warm-up was told before its number, the brackets that are open,
# then the slow messages.
STAMP: Final = 0
NUMBERS: Final = 1
TIMES: Final = 2
SLOW: Final = 3
EARLY: Final = 4
FRAMES: Final = 5
# An open bracket: its node, whether of an object, the place in a list, the child before.
NODE: Final = 0
INSIDE: Final = 1
PLACE: Final = 2
BEFORE: Final = 3
FRAME_SIZE: Final = 4
SLOW_MESSAGES: Final = FRAMES + DEEPEST * FRAME_SIZE

# A noted number: its reading, its channel, its bytes. A noted time: its message, its plan, its
# bytes. Numbers are noted from the front of the list, times from its back.
READING: Final = 0
MESSAGE: Final = 0
CHANNEL: Final = 1
BEGIN: Final = 2
END: Final = 3
NOTED_SIZE: Final = 4
