"""The commands; heavy packages only inside a command."""
