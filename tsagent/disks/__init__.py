"""What the modules disk_setup and mounts share: names of devices, layouts of disks, lines of fstab."""
