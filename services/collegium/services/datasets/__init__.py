"""Datasets: what they are, their versions, who was granted them, and who uses them."""
