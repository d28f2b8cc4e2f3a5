"""Pictures of the documentation. Each is drawn into a figure by one function (see `style.picture`)."""
