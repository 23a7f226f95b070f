"""A group of commands whose help lists them under headings.

May import click.

    @click.group(cls=Sections, sections={"Use": (upscale, demo)})
    def main(): ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click


class Sections(click.Group):
    """A group whose commands lie in sections.

    Args:
        sections: Heading -> commands, both in the order in which the help lists them.
    """

    def __init__(self, *args, sections: Mapping[str, Sequence[click.Command]], **kwargs):
        super().__init__(*args, **kwargs)
        self.sections = sections
        for command in (command for commands in sections.values() for command in commands):
            if command.name in self.commands:
                raise ValueError(f"{command.name} is named twice")
            self.add_command(command)

    def list_commands(self, ctx):
        """In the order of the sections, not of the alphabet."""
        return list(self.commands)

    def format_commands(self, ctx, formatter):
        """List the commands under their headings, one line each, all in one column."""
        longest = max(map(len, self.commands))
        room = formatter.width - 6 - longest
        for heading, commands in self.sections.items():
            with formatter.section(heading):
                formatter.write_dl([(command.name.ljust(longest), command.get_short_help_str(room))
                                    for command in commands])
