"""Vultr's client for Python, which checks every response against the API's schemas: tells as JSON what a user of it sees.
Arguments: the base URL and the key."""

import json
import sys

import story
from vultr_python_client import ApiClient, ApiException, Configuration
from vultr_python_client.apis.tags.block_api import BlockApi
from vultr_python_client.apis.tags.dns_api import DnsApi
from vultr_python_client.apis.tags.instances_api import InstancesApi
from vultr_python_client.apis.tags.os_api import OsApi
from vultr_python_client.apis.tags.plans_api import PlansApi
from vultr_python_client.apis.tags.region_api import RegionApi

url, key = sys.argv[1:]
configuration = Configuration(host=url + "/v2")
configuration.access_token = key
client = ApiClient(configuration)
instances, blocks, dns = InstancesApi(client), BlockApi(client), DnsApi(client)


def refusal(call):
    return story.refusal(call, ApiException).status


def status(reply):
    return reply.response.status


def instance():
    regions = RegionApi(client).list_regions().body["regions"]
    # The client's schema has whole dollars for a month, and Vultr has a plan for 2.50.
    reply = PlansApi(client).list_plans(query_params={"per_page": 500}, skip_deserialization=True)
    plans = json.loads(reply.response.data)["plans"]
    systems = OsApi(client).list_os().body["os"]
    system = next(int(each["id"]) for each in systems if str(each["name"]).startswith("Debian 12"))
    order = {"region": "ewr", "plan": "vc2-1c-1gb", "os_id": system, "label": "story", "tags": ["drop-in"]}
    made = instances.create_instance(body=order)
    one = {"instance-id": str(made.body["instance"]["id"])}

    def now():
        return instances.get_instance(path_params=one).body["instance"]

    def is_running(wanted):
        power = "running" if wanted else "stopped"
        story.until(now, lambda each: each["status"] == "active" and each["power_status"] == power)
        return power

    told = {
        "catalogue": [len(regions) > 20, len(plans) > 50, len(systems) > 20],
        "created": [status(made), str(made.body["instance"]["label"]), str(made.body["instance"]["status"])],
        "booted": is_running(True),
        "listed": [str(each["label"]) for each in instances.list_instances().body["instances"]
                   if each["id"] == one["instance-id"]],
        "halted": [status(instances.halt_instance(path_params=one)), is_running(False)],
        "started": [status(instances.start_instance(path_params=one)), is_running(True)],
        "rebooted": [status(instances.reboot_instance(path_params=one)), is_running(True)],
        "volume": volume(one["instance-id"]),
        "destroyed": status(instances.delete_instance(path_params=one)),
    }
    return {**told, "gone": refusal(now)}


def volume(instance_id):
    made = blocks.create_block(body={"region": "ewr", "size_gb": 10, "label": "story"})
    one = {"block-id": str(made.body["block"]["id"])}

    def now():
        return blocks.get_block(path_params=one).body["block"]

    def attached_to(wanted):
        return story.until(now, lambda each: each["attached_to_instance"] == wanted) is not None

    story.until(now, lambda each: each["status"] == "active")
    return {
        "created": [status(made), str(made.body["block"]["label"]), int(made.body["block"]["size_gb"])],
        "attached": [
            status(blocks.attach_block(path_params=one, body={"instance_id": instance_id, "live": True})),
            attached_to(instance_id),
        ],
        "detached": [status(blocks.detach_block(path_params=one, body={"live": True})), attached_to("")],
        "destroyed": status(blocks.delete_block(path_params=one)),
        "gone": refusal(now),
    }


def domain():
    zone = {"dns-domain": "python-story.example"}
    made = dns.create_dns_domain(body={"domain": zone["dns-domain"], "ip": "192.0.2.7"})
    record = {"name": "www", "type": "A", "data": "192.0.2.8", "ttl": 600, "priority": 0}
    written = dns.create_dns_domain_record(path_params=zone, body=record)
    one = {**zone, "record-id": str(written.body["record"]["id"])}

    def now():
        return dns.get_dns_domain_record(path_params=one).body["record"]

    listed = dns.list_dns_domain_records(path_params=zone).body["records"]
    return {
        "created": [status(made), str(made.body["domain"]["domain"])],
        "record": [status(written), str(written.body["record"]["data"]), int(written.body["record"]["ttl"])],
        "listed": sorted([str(each["type"]), str(each["name"]), str(each["data"])] for each in listed),
        "updated": [
            status(dns.update_dns_domain_record(path_params=one, body={"data": "192.0.2.9"})),
            str(now()["data"]),
        ],
        "deleted": [status(dns.delete_dns_domain_record(path_params=one)), refusal(now)],
        "left": [
            status(dns.delete_dns_domain(path_params=zone)),
            refusal(lambda: dns.get_dns_domain(path_params=zone)),
        ],
    }


print(json.dumps({"instance": instance(), "domain": domain()}))
