"""Where an instance learns what it is and what it is told: metadata service, config drive, seed."""
