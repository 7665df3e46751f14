"""Who is in a group, and whose work in it must end."""
