"""The verified shell: it runs a program on the machine only if the program arrived intact."""
