"""Integer side: the number contract, the network in integers and its ONNX form."""
