"""Pictures and videos in and out: luma, chroma, bicubic, PSNR, y4m, ffmpeg."""
