"""Pictures of the documentation, each one function that draws into a figure (see `style.picture`)."""
