"""What a climb of the ladder found: one record per rung and frame, as a table and as JSON.

May import numpy, the errors and the comparison.

    print(report.table()); report.write(Path("ladder.json")); report.check()
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from fsrcnnx import __version__
from fsrcnnx.errors import CheckError
from fsrcnnx.exact.compare import Divergence
from fsrcnnx.files import atomic


@dataclass(frozen=True)
class Record:
    """One rung on one frame.

    Args:
        rung: Name of the rung.
        against: What it was compared with.
        image: Name of the frame or picture.
        status: PASS, FAIL, SKIP, REFERENCE (golden) or MEASURED (float: PSNR only).
        detail: Why, or measured figures.
        pixels: HR pixels compared.
        mismatches: How many of them differ; None if nothing was compared.
        psnr: Against the HR original, dB, border of `scale` pixels shaved; None without one.
        first_divergence: The first value that differs, or None.
        seconds: Time of this frame on this rung.
        seed: Seed of everything random.
        replay: Command that repeats the rung.
        required: Whether a SKIP is a failure.
    """

    rung: str
    against: str
    image: str
    status: str
    detail: str
    pixels: int
    mismatches: int | None
    psnr: float | None
    first_divergence: Divergence | None
    seconds: float
    seed: int
    replay: str
    required: bool = True

    @property
    def failed(self) -> bool:
        """Whether the rung differs, or was required and did not run."""
        return self.status == "FAIL" or (self.status == "SKIP" and self.required)


@dataclass(frozen=True)
class Report:
    """The whole climb.

    Args:
        network: Name of the network.
        content_hash: Hash of the integer network.
        records: One per rung and frame.
    """

    network: str
    content_hash: str
    records: tuple[Record, ...]

    @property
    def failures(self) -> tuple[Record, ...]:
        """Records that failed."""
        return tuple(record for record in self.records if record.failed)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def check(self) -> None:
        """Do nothing if the report passed.

        Raises:
            CheckError: Naming the first failure and how to repeat it.
        """
        if self.failures:
            first = self.failures[0]
            raise CheckError(
                f"{len(self.failures)} of {len(self.records)} comparisons failed, first "
                f"{first.rung} on {first.image}: {first.first_divergence or first.detail}",
                where=self.network, fix=f"repeat with `{first.replay}`")

    def table(self) -> str:
        """Lay the report out for reading.

        Returns:
            One line per rung, then one per failure.
        """
        rows = [("rung", "against", "frames", "pixels", "mismatches", "PSNR", "seconds", "result")]
        for name in dict.fromkeys(record.rung for record in self.records):
            rows.append(_row([record for record in self.records if record.rung == name]))
        widths = [max(len(row[col]) for row in rows) for col in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
                 .rstrip() for row in rows]
        lines.insert(1, "  ".join("-" * width for width in widths))
        lines += [f"FAILED {r.rung} on {r.image}: {r.status} {r.detail}" + (
            f"; first divergence {r.first_divergence}" if r.first_divergence else "")
            for r in self.failures]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Give the report as JSON.

        Returns:
            An object with network, content_hash, passed and records.
        """
        return json.dumps({"made_by": f"fsrcnnx {__version__}", "network": self.network,
                           "content_hash": self.content_hash, "passed": self.passed,
                           "records": [asdict(record) for record in self.records]}, indent=2) + "\n"

    def write(self, path: Path) -> None:
        """Write the JSON, whole or not at all.

        Args:
            path: File.

        Raises:
            InputError: If it cannot be written.
        """
        with atomic(path) as part:
            part.write_text(self.to_json(), encoding="utf-8")


def _row(records: list[Record]) -> tuple[str, ...]:
    """One line of the table: all frames of one rung."""
    states = [record.status for record in records]
    status = next((s for s in ("FAIL", "SKIP", "REFERENCE", "MEASURED") if s in states), "PASS")
    details = [record.detail for record in records if record.detail and record.status == status]
    compared = [record for record in records if record.mismatches is not None]
    quality = [record.psnr for record in records if record.psnr is not None]
    ran = "SKIP" not in states
    return (
        records[0].rung, records[0].against,
        str(len(records)) if ran else "", str(sum(r.pixels for r in records)) if ran else "",
        str(sum(r.mismatches for r in compared)) if compared else "",
        f"{np.mean(quality):.2f}" if quality else "",
        f"{sum(r.seconds for r in records):.1f}" if ran else "",
        f"{status} ({details[0]})" if details else status)
