"""Errors that a user can act on: what is wrong, where, what is allowed, how to fix it.

Imports nothing. The command line prints such an error as one line and exits with its code:
1 a check failed, 2 bad usage or input, 3 a required tool is missing.

    raise InputError("the picture is empty", where="a.png", allowed="at least 1x1", fix="check it")
"""


LONGEST_WHAT, LONGEST_WHERE = 360, 160  # characters; the text may be a file's


def shown(text: str, longest: int | None = None) -> str:
    """Make one harmless line of a text that may come from a file.

    Args:
        text: Any text.
        longest: Characters to keep; the middle is left out of a longer one. None: all.

    Returns:
        The text on one line; what does not print (it could drive a terminal) as an escape.
    """
    line = " ".join(text.split())
    if longest and len(line) > longest:
        line = f"{line[: longest * 2 // 3]}...{line[-longest // 4 :]}"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


class FsrcnnxError(Exception):
    """Base of all errors that the command line reports in one line.

    Args:
        what: What is wrong, a clause without a full stop.
        where: File, layer, node, key or option concerned.
        allowed: The values that would be accepted.
        fix: What the user can do about it.
    """

    exit_code = 2

    def __init__(self, what: str, *, where: str = "", allowed: str = "", fix: str = ""):
        self.what, self.where, self.allowed, self.fix = what, str(where), allowed, fix
        line = shown(what, LONGEST_WHAT)
        if self.where:
            line = f"{shown(self.where, LONGEST_WHERE)}: {line}"
        if allowed:
            line += f"; allowed: {allowed}"
        if fix:
            line += f"; fix: {fix}"
        super().__init__(shown(line))


class InputError(FsrcnnxError):
    """A file, picture or option value that cannot be used."""


class FormatError(FsrcnnxError):
    """A number format, or a value in one, that breaks the number contract."""


class ModelError(FsrcnnxError):
    """A model or ONNX file that the integer network cannot represent exactly."""


class Unrepresentable(ModelError):
    """A network that a form of it (RTL, HLS, stock ONNX, an engine) has no way to hold exactly."""


class CheckError(FsrcnnxError):
    """A comparison or proof that failed."""

    exit_code = 1


class ToolError(FsrcnnxError):
    """An external tool that is required and missing, too old or failing."""

    exit_code = 3
