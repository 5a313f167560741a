"""The catalogue: what each step does, one file per subtype, one folder per family."""
