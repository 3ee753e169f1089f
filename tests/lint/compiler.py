"""What compilers that look at a file without the build need to know."""

LAYERS = ("core", "shim", "tools")
ARGUMENTS = ["-std=c++20", "-I.", "-D_GNU_SOURCE", '-DWEIR_VERSION=""', '-DWEIR_LIBDIR=""', '-DWEIR_BINDIR=""',
             '-DWEIR_INSTALLED_TOOL=""', '-DWEIR_TOOL_FROM_LIBRARY=""', "-isystem", "/usr/include/x86_64-linux-gnu"]
