"""Share links: one file or folder of a group for whoever holds the link, within what the group allows."""
