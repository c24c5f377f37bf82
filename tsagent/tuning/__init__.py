"""What kind of machine this is, and the tuning service's profiles: shared by the modules that tune."""
