"""One door to every engine; pictures, videos and folders of frames through it."""
