"""dns-lexicon's provider for Vultr: tells as JSON what a user of it sees. Arguments: the base URL and the key."""

import json
import sys

import requests
from lexicon.client import Client
from lexicon.config import ConfigResolver
from lexicon.exceptions import AuthenticationError

url, key = sys.argv[1:]
DOMAIN = "lexicon-story.com"
options = {"provider_name": "vultr", "domain": DOMAIN, "ttl": 600, "vultr": {"auth_token": key}}
client = Client(ConfigResolver().with_dict(options))


class Provider(client.provider_class):
    """The provider has its base URL in its constructor, and no setting for it."""

    def __init__(self, config):
        super().__init__(config)
        self.api_endpoint = url + "/v2"


client.provider_class = Provider


def domain(method, path, **body):
    """Domains are not lexicon's business; they have to be there."""
    headers = {"Authorization": "Bearer " + key}
    return requests.request(method, url + "/v2/domains" + path, json=body or None, headers=headers).status_code


def before():
    try:
        with client:
            raise AssertionError("no such domain yet")
    except AuthenticationError as error:
        return str(error)


def seen(records):
    return sorted([each["type"], each["name"], each["content"], each["ttl"]] for each in records)


def story():
    with client as operations:
        # The example records of a new domain are not what this is about.
        def mine(rtype, name=None):
            return operations.list_records(rtype, name)

        yield "created", [
            operations.create_record("A", "www", "192.0.2.8"),
            operations.create_record("A", "www", "192.0.2.8"),
            operations.create_record("TXT", "_acme-challenge", "proof of the domain"),
        ]
        yield "listed", seen(mine("A", "www") + mine("TXT"))
        identifier = mine("A", "www")[0]["id"]
        yield "updated", operations.update_record(identifier, "A", "www", "192.0.2.9")
        yield "updated by name", operations.update_record(None, "TXT", "_acme-challenge", "another proof")
        yield "changed", seen(mine("A", "www") + mine("TXT"))
        yield "deleted", operations.delete_record(identifier)
        yield "deleted again", operations.delete_record(identifier)
        yield "deleted by name", operations.delete_record(None, "TXT", "_acme-challenge")
        yield "left", seen(mine("A", "www") + mine("TXT"))


told = {"before": before(), "domain": domain("POST", "", domain=DOMAIN)}
told.update(story())
told["destroyed"] = domain("DELETE", "/" + DOMAIN)
print(json.dumps(told))
