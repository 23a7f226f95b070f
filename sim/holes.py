# SPDX-License-Identifier: Apache-2.0
"""Why some lines, branches and bits of rtl/ are reached by no bench."""

# (file, text of the line, what it lacks) -> reason
LINES: dict[tuple[str, str, str], str] = {}

# (file, signal) -> why some of its bits never rise or never fall
TOGGLES: dict[tuple[str, str], str] = {}
