"""Where Vitis HLS works on a project: in a copy beside it, so that it stays as it was emitted.

May import prove.hls.vitis, the errors and the standard library.

    work_copy(read_project(Path("build/project"))).folder     # build/project-vitis
"""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace

from fsrcnnx.errors import InputError
from fsrcnnx.prove.hls.vitis import HlsProject

MARK = "fsrcnnx_vitis.json"  # in a work folder: what was copied into it, with hashes
SOURCES = (".tcl", ".cpp", ".h", ".json", ".yml", ".sh", ".txt")


def work_copy(project: HlsProject) -> HlsProject:
    """Copy a project to where the tool may write, so that it stays as it was emitted.

    The tool puts its solution into the project that it is given, and we put resets into headers.

    Args:
        project: The project.

    Returns:
        The one in `NAME-vitis` beside it. Files that are equal there already keep their times:
        what was synthesised of them holds.

    Raises:
        InputError: If such a folder is there and not of this kind, or cannot be written.
    """
    folder = project.folder.with_name(f"{project.folder.name}-vitis")
    mark = folder / MARK
    if folder.is_symlink() or (folder.exists() and not mark.is_file()):
        raise InputError("in the way, and not a work folder of Vitis HLS", where=folder,
                         allowed=f"a folder that holds {MARK}, or none",
                         fix="rename it, or the project")
    firmware = {path.relative_to(project.folder): path
                for path in sorted((project.folder / "firmware").rglob("*")) if path.is_file()}
    tops = {path.relative_to(project.folder): path for path in sorted(project.folder.glob("*"))
            if path.suffix in SOURCES and path.is_file()}
    digests = {name.as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
               for name, path in {**firmware, **tops}.items()}
    try:
        if mark.is_file() and json.loads(mark.read_text(encoding="utf-8") or "{}") == digests:
            return replace(project, folder=folder)
        folder.mkdir(exist_ok=True)
        mark.write_text("{}", encoding="utf-8")  # until all is there
        (folder / "tb_data").mkdir(exist_ok=True)  # hls4ml's Tcl adds what is in it
        for name, path in {**firmware, **tops}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, folder / name)
        mark.write_text(json.dumps(digests, indent=2) + "\n", encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be written ({getattr(error, 'strerror', error)})", where=folder,
                         fix="choose a writable folder for the project") from error
    return replace(project, folder=folder)
