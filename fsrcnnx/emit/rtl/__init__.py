"""SystemVerilog: folds, constants, memories, and the folder that holds them."""
