def disassembled(script):
    return ""
