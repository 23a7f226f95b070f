"""Float side: data, training and quantisation (the only floor that imports torch)."""
