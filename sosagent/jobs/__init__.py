"""The jobs: one module each, on a verified shell or on the console alone."""
