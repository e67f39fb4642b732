"""When and where: hubs, store, processes, Prefect and the command line around the stages of `curation`."""
