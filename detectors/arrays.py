"""Arrays of records, each on its own cache line where its size allows, and asking for them early.

A reading of some point in a large site finds nothing of that point in the processor's cache. Its
state is therefore grouped: what one reading needs stands together, on a line of its own, and
`prefetch` asks for the lines of the readings to come while the present one is worked on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
import numpy.typing as npt
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

#: Records of one type; numba reads ``records[i].field``, which mypy cannot know.
Records = Any
#: numba's own means to write instructions; neither it nor what it is made of has types.
emit: Any = cgutils
ir: Any = emit.ir
#: Bytes the processor moves at a time.
LINE: Final = 64


def new_records(count: int, dtype: npt.DTypeLike) -> Records:
    """Return `count` records of zeros, the first of them at the begin of a cache line."""
    size = count * np.dtype(dtype).itemsize
    raw = np.zeros(size + LINE, np.uint8)
    begin = -raw.ctypes.data % LINE
    return raw[begin : begin + size].view(dtype)


def _prefetch(_: Any, array: Any, index: Any) -> Any:
    """Ask for the cache line at ``array[index]``; changes nothing and waits for nothing."""
    if not (isinstance(array, types.Array) and isinstance(index, types.Integer)):
        return None

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        struct = context.make_array(kind)(context, builder, arguments[0])
        address = emit.get_item_pointer(
            context, builder, kind, struct, [arguments[1]], wraparound=False
        )
        byte = builder.bitcast(address, ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        function = emit.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte.type, word, word, word]),
            "llvm.prefetch.p0i8",
        )
        # To be written, kept in every level of the cache, data.
        builder.call(function, [byte, word(1), word(3), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


prefetch = cast("Callable[[Records, int], None]", intrinsic(_prefetch))
