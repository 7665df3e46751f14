"""How a server is started for a member of a group: policy for any spawner, the form, and the local spawner."""
