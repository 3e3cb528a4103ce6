"""Tells LLVM that nobody writes to a named tuple that a kernel has by reference.

A reference leads to arrays, and the kernel writes to those; where they begin stays where it is. LLVM cannot know that:
for all it sees, a number that is written to a request might be the beginning of the instances, so it would look there
again for whatever is read next. `noalias` says that what is behind the argument is written to through it alone,
`captures(none)` that nobody keeps it, which a function that gives its reference back does not promise.
"""

from typing import Any

from numba.core.compiler_machinery import register_pass
from numba.core.lowering import Lower
from numba.core.typed_passes import BaseNativeLowering

from blis.engine.reference import Reference

_RESULTS = 2  #: arguments before those of the function itself, by numba's convention for calls


class _UnaliasedLower(Lower):
    """numba's translation of a function, with what is known of its references."""

    def setup_function(self, fndesc: Any) -> None:
        super().setup_function(fndesc)
        place = _RESULTS
        for argument in fndesc.argtypes:
            if isinstance(argument, Reference):
                self._describe(self.function.args[place], argument, fndesc.restype)
            place += _width(self.context.data_model_manager[argument].get_argument_type())

    def _describe(self, pointer: Any, reference: Reference, result: Any) -> None:
        pointer.add_attribute("noalias")
        if not isinstance(result, Reference):
            set.add(pointer.attributes, "captures(none)")  # llvmlite itself knows only what LLVM called it before 20
        pointer.attributes.dereferenceable = self.context.get_abi_sizeof(self.context.get_value_type(reference.target))


def _width(argument: Any) -> int:
    """Of how many arguments of the machine's an argument consists."""
    return sum(map(_width, argument)) if isinstance(argument, (tuple, list)) else 1


@register_pass(mutates_CFG=True, analysis_only=False)
class UnaliasedLowering(BaseNativeLowering):
    """numba's last pass, which makes LLVM code of a function."""

    _name = "unaliased_lowering"

    @property
    def lowering_class(self) -> Any:
        """What it is done with."""
        return _UnaliasedLower
