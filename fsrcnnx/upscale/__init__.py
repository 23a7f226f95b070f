"""Pictures, videos and folders of frames through an engine."""
