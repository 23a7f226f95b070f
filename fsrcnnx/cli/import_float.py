"""What `fsrcnnx import` does with a float network: a checkpoint, or an ONNX file of floats.

May import everything, heavy packages only inside a function.
"""

from __future__ import annotations

from pathlib import Path

import click

from fsrcnnx.cli.reports import check_report, write_json
from fsrcnnx.cli.unused import refuse
from fsrcnnx.owned import whole_folder

KIND = "an imported model"
OF_FLOAT = ("scale", "divisor", "padding", "slope", "anchor", "identity")
OF_QUANTISED = ("slope_bits", "weight_bits", "round_scales", "prescale")


def is_float(file: Path) -> bool:
    """Tell which door a file takes, and refuse the options of the other.

    Args:
        file: The file.

    Returns:
        Whether it is a float network.

    Raises:
        InputError: If an option is given that nothing would look at.
        ModelError: If the file is none that is read.
    """
    from fsrcnnx.learn import incoming

    found = incoming.is_float(file)
    if found:
        refuse(dict.fromkeys(OF_QUANTISED, "given, but nothing in the file is quantised: "
                             "`fsrcnnx quantise` says bits"))
    else:
        refuse(dict.fromkeys(OF_FLOAT, "given, but the file is quantised, and says it itself"))
    return found


def import_float(file: Path, output: Path, json_file: Path | None, **choice) -> None:
    """Recognise a float network, and write it as weights of ours.

    Args:
        file: The file.
        output: Folder to write, looked at before.
        json_file: Where to write a report.
        **choice: What the user says, as of `learn.rows.Choice`.

    Raises:
        InputError, ModelError, CheckError: As `incoming.read` does.
    """
    from fsrcnnx.learn import incoming
    from fsrcnnx.learn.rows import Choice

    if json_file:
        check_report(json_file)
    found = incoming.read(file, Choice(**choice))
    with whole_folder(output, KIND) as folder:
        origin = incoming.save(found, file, folder / "weights.pth")
    for line in found.says:
        click.echo(line)
    click.echo(f"{output}: {found.model.name}, float; next: fsrcnnx quantise {output} "
               "--data FOLDER-OF-PICTURES")
    if json_file:
        write_json(json_file, {"file": str(file), "name": found.model.name, **origin,
                               "divisor": found.divisor, "says": list(found.says)})
