"""Lets helpers become part of a kernel without machine code of their own.

numba prepares each compiled function as if Python called it: what it calls is linked in, all of it optimised and turned
into machine code, and then once more in its caller, and in the caller of that. A kernel of two hundred helpers spends
half of its time to compile on machine code that nobody runs. So what another function asks for here is kept as LLVM has
it before all that; the kernel links each part once, and optimises the whole.

A helper that Python calls is compiled for that call as numba would.
"""

from collections.abc import Iterator
from typing import Any

from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler, Flags
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import CPUDispatcher

from blis.engine.known_settings import KernelCompiler


class Part(JITCodeLibrary):
    """The code of one helper, neither linked nor optimised as a whole."""

    _shared_module: Any

    def finalize(self) -> None:
        """Nothing: whoever links it does."""
        self._raise_if_finalized()
        self._finalized = True

    def _get_module_for_linking(self) -> Any:
        """Its code and that of all that it calls, each once."""
        self._ensure_finalized()
        if self._shared_module is None:
            called = list(self._called({id(self)}))
            whole = self._final_module.clone()
            for part in called:
                if isinstance(part, Part):
                    whole.link_in(part._final_module, preserve=True)
            for library in called:  # last: of what is numba's own, LLVM takes what somebody has asked for by now
                if not isinstance(library, Part):
                    whole.link_in(library._get_module_for_linking(), preserve=True)
            _let_go(whole)
            self._shared_module = whole
        return self._shared_module

    def _called(self, seen: set[int]) -> Iterator[Any]:
        for library in self._linking_libraries:
            if id(library) not in seen:
                seen.add(id(library))
                yield library
                if isinstance(library, Part):
                    yield from library._called(seen)


class SeldomPart(Part):
    """The code of a helper that most runs never call: it stays one function, so that its callers stay small."""

    def finalize(self) -> None:
        """Forbid that it becomes a part of whatever calls it."""
        for function in self._final_module.functions:
            if not function.is_declaration:
                function.add_function_attribute("noinline")
                function.add_function_attribute("cold")
        super().finalize()


def _let_go(module: Any) -> None:
    """Let functions be defined more than once in what is linked, and left out where nobody calls them."""
    for function in module.functions:
        if not function.is_declaration and function.linkage.name == "external":
            function.linkage = "linkonce_odr"


class _Flags(Flags):
    """numba's flags, quick to compare: it asks a hundred thousand times whether those of two functions are equal."""

    __slots__ = ()

    def values(self) -> dict[str, Any]:
        """All of them by name, as numba's own, which calls a function for each."""
        return {**_DEFAULTS, **self._values}


_DEFAULTS = {name: option.default for name, option in Flags.options.items()}


class _PartCompiler(KernelCompiler):
    """The passes of a kernel, into a part."""

    part: type[Part] = Part

    def __init__(self, typing: Any, target: Any, _: Any, arguments: Any, result: Any, flags: Any, local: Any) -> None:
        flags.__class__ = _Flags
        flags.no_compile = flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
        super().__init__(typing, target, self.part(target.codegen(), "part"), arguments, result, flags, local)


class _SeldomCompiler(_PartCompiler):
    part = SeldomPart


class Helper(CPUDispatcher):
    """A function that other compiled functions call, each signature a part."""

    @classmethod
    def of(cls, function: Any, *, is_seldom_called: bool = False) -> Any:
        """What `numba.njit` made, as a helper; a plain function, without the compiler, as it is."""
        if isinstance(function, CPUDispatcher):
            function.__class__ = cls
            function.own_compiler = _SeldomCompiler if is_seldom_called else _PartCompiler
            function._compiler.pipeline_class = function.own_compiler
        return function

    def add_overload(self, result: Any) -> None:
        """Make a signature known to callers: a part's to compiled ones alone."""
        if not isinstance(result.library, Part):
            super().add_overload(result)
            return
        known_as = object()  # numba finds a function by its machine code, which there is not
        self.targetctx.insert_user_function(known_as, result.fndesc, [result.library])
        self.overloads[tuple(result.signature.args)] = result._replace(entry_point=known_as)

    def _compile_for_args(self, *args: Any, **kws: Any) -> Any:
        """Python calls it: with machine code of its own."""
        with global_compiler_lock:
            for arguments in [key for key, result in self.overloads.items() if isinstance(result.library, Part)]:
                del self.overloads[arguments]
            self._compiler.pipeline_class = Compiler
            try:
                return super()._compile_for_args(*args, **kws)
            finally:
                self._compiler.pipeline_class = self.own_compiler
