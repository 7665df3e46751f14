"""Where files of groups are: one port, folders and S3 behind it."""
