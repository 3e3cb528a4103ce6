"""Arrays of records from tables of their fields, which say each field's type and where it begins."""

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

#: An array of records; its fields are arrays.
Records: TypeAlias = Any

Fields = Mapping[str, tuple[type, Any]]  #: name -> type and initial value

#: Up to so many records are written whole: naming their fields one by one takes longer.
_FEW = 64
_CACHED = 1024  #: so many the processor's cache holds while field after field of them is written

_LINE_BYTES = 64  #: of a cache
_LONG_BYTES = 4 * _LINE_BYTES  #: records of more have their place in lines


def dtype_of(fields: Fields) -> np.dtype[Any]:
    """The type of a record with these fields, which lie as a C compiler would lay them."""
    return np.dtype([(name, dtype) for name, (dtype, _) in fields.items()], align=True)


def _in_lines(fields: Fields) -> Fields:
    """Long records filled up to whole lines: what is used and named together then lies together in each of an array.

    The filling has names, as numpy copies records with gaps field by field.
    """
    size = dtype_of(fields).itemsize
    if size <= _LONG_BYTES:
        return fields
    return {**fields, **{f"filling_{word}": (np.int64, 0) for word in range(-size % _LINE_BYTES // 8)}}


def _zeros(length: int, dtype: np.dtype[Any]) -> np.ndarray:
    """So many records of zeros; long ones begin with a cache line."""
    if dtype.itemsize <= _LONG_BYTES:
        return np.zeros(length, dtype)
    room = np.zeros(length * dtype.itemsize + _LINE_BYTES, np.uint8)
    begin = -room.__array_interface__["data"][0] % _LINE_BYTES
    return room[begin : begin + length * dtype.itemsize].view(dtype)


class _Kind(NamedTuple):
    """A kind of record, worked out once: a state has forty of them, and is often made anew."""

    fields: Fields
    dtype: np.dtype[Any]
    initial: tuple[tuple[str, Any], ...]  #: of the fields that do not begin at zero
    first: np.void  #: a record whose fields are at their initial values
    none: Records  #: an array without an entry, which all states may share


#: By the identity of their fields, which live as long as this does.
_kinds: dict[int, _Kind] = {}


def _kind(fields: Fields) -> _Kind:
    found = _kinds.get(id(fields))
    if found is None:
        dtype = dtype_of(_in_lines(fields))
        one = np.zeros(1, dtype)
        initial = tuple((name, value) for name, (_, value) in fields.items() if value != 0)
        for name, value in initial:
            one[name] = value
        found = _kinds[id(fields)] = _Kind(fields, dtype, initial, one[0], np.zeros(0, dtype).view(np.recarray))
    return found


def records(fields: Fields, length: int) -> Records:
    """An array of records with each field at its initial value."""
    kind = _kind(fields)
    if length == 0:
        return kind.none
    array = _zeros(length, kind.dtype)
    if length <= _FEW:
        array[:] = kind.first
    elif kind.initial:  # zeros cost nothing until they are touched
        for begin in range(0, length, _CACHED):
            some = array[begin : begin + _CACHED]
            for name, initial in kind.initial:
                some[name] = initial
    return array.view(np.recarray)
