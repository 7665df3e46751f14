"""Administration of users over HTTP, for platform admins, by way of the provider's service account."""
