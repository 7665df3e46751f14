"""The identity provider as this installation sees it, and where people look after their accounts."""
