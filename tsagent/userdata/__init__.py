"""User data: decoding its formats, YAML with positions, merging, validation.

`decode` splits what a source delivered into parts, `assemble` merges them into `Settings`, `validate`
checks the result against the schemas. Import the submodules: this package imports none of them, since
a boot with nothing due must not load a YAML parser.
"""
