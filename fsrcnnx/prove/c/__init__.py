"""C references compiled and called."""
