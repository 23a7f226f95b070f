"""Contents of the memories, as constants: fsrcnnx_mem_pkg.sv.

May import the memories. Constants and not files: a simulator or synthesiser looks for a file in its
own working folder, and most go on with an empty memory without it.

    print(memory_package(plan.memories, network.content_hash()))
"""

from __future__ import annotations

from fsrcnnx import __version__
from fsrcnnx.emit.literal import literals
from fsrcnnx.emit.rtl.memories import KINDS, Memory


def words(memory: Memory) -> list[list[str]]:
    """Print a memory's words as SystemVerilog numbers.

    Args:
        memory: The memory.

    Returns:
        The sized hex literals of each word, the high part first, in order of address.
    """
    bits, mask = memory.field_bits, (1 << memory.field_bits) - 1
    digits = -(-memory.word_bits // 4)
    found = []
    for word in memory.words.tolist():
        value = sum((field & mask) << (bits * place) for place, field in enumerate(word))
        found.append(literals(f"{value:0{digits}x}", memory.word_bits))
    return found


def memory_package(found: tuple[Memory, ...], content_hash: str) -> str:
    """Write fsrcnnx_mem_pkg.sv.

    Args:
        found: All memories of a core, in order.
        content_hash: The network's.

    Returns:
        The file's text: a vector per kind of memory, the first memory's word 0 in the low bits.
    """
    text = ("// SPDX-License-Identifier: Apache-2.0\n"
            f"// Contents of the memories, made by fsrcnnx {__version__}; do not edit.\n"
            f"// Network {content_hash}.\n"
            "// The highest word of a memory comes first, the lowest field of a word last.\n\n"
            "package fsrcnnx_mem_pkg;\n")
    for kind in KINDS:
        chosen = [memory for memory in found if memory.kind == kind]
        blocks = []
        for memory in reversed(chosen):
            lane = f", lane {memory.lane}" if kind == "WEIGHTS" else ""
            title = (f"    // layer {memory.layer}{lane}: {memory.words.shape[0]} words of "
                     f"{memory.words.shape[1]} x {memory.field_bits} bits\n")
            blocks.append(title + ",\n".join(f"    {part}" for word in reversed(words(memory))
                                             for part in word))
        bits = sum(memory.bits for memory in chosen)
        text += f"\n  localparam bit [{bits}-1:0] {kind} = {{\n" + ",\n".join(blocks) + "\n  };\n"
    return text + "\nendpackage\n"
