"""Apache Libcloud's drivers for Vultr: tells as JSON what a user of them sees. Arguments: the base URL and the key."""

import json
import sys
from urllib.parse import urlsplit

import story
from libcloud.common.vultr import VultrException
from libcloud.compute.providers import get_driver as get_compute_driver
from libcloud.compute.types import NodeState, Provider as ComputeProvider
from libcloud.dns.providers import get_driver as get_dns_driver
from libcloud.dns.types import Provider as DnsProvider, RecordType

url, key = sys.argv[1:]
address = urlsplit(url)
place = {"secure": False, "host": address.hostname, "port": address.port}
compute = get_compute_driver(ComputeProvider.VULTR)(key, **place)
dns = get_dns_driver(DnsProvider.VULTR)(key, **place)


def refusal(call):
    return story.refusal(call, VultrException).code


def instance():
    locations, sizes, images = compute.list_locations(), compute.list_sizes(), compute.list_images()
    size = next(each for each in sizes if each.id == "vc2-1c-1gb")
    image = next(each for each in images if each.name.startswith("Debian 12"))
    location = next(each for each in locations if each.id == "ewr")
    options = {"ex_tag": "drop-in", "ex_hostname": "story", "ex_enable_private_network": True}
    node = compute.create_node("story", size, location, image, **options)

    def state_is(wanted):
        return story.until(lambda: compute.ex_get_node(node.id), lambda each: each.state == wanted).state

    told = {
        "catalogue": [len(locations) > 20, len(sizes) > 50, len(images) > 20],
        "size": [size.ram, size.disk, size.price > 0],
        "created": [node.name, node.state, node.size, node.extra["location"], node.extra["tag"]],
        "booted": state_is(NodeState.RUNNING),
        "addressed": len(compute.ex_get_node(node.id).public_ips),
        "listed": [each.name for each in compute.list_nodes() if each.id == node.id],
        "network": [each.location for each in compute.ex_list_networks()],
        "stopped": [compute.stop_node(node), state_is(NodeState.STOPPED)],
        "started": [compute.start_node(node), state_is(NodeState.RUNNING)],
        "rebooted": [compute.reboot_node(node), state_is(NodeState.RUNNING)],
        "volume": volume(node, location),
        "destroyed": compute.destroy_node(node),
    }
    return {**told, "gone": refusal(lambda: compute.ex_get_node(node.id))}


def volume(node, location):
    made = compute.create_volume(10, "story", location)

    def attached_to(wanted):
        read = lambda: compute.ex_get_volume(made.id).extra["attached_to_instance"]
        return story.until(read, lambda each: each == wanted) == wanted

    story.until(lambda: compute.ex_get_volume(made.id).state, lambda each: each == "available")
    return {
        "created": [made.name, made.size, made.extra["location"]],
        "listed": [each.size for each in compute.list_volumes() if each.id == made.id],
        "attached": [compute.attach_volume(node, made), attached_to(node.id)],
        "detached": [compute.detach_volume(made), attached_to("")],
        "resized": [compute.ex_resize_volume(made, 20), compute.ex_get_volume(made.id).size],
        "destroyed": compute.destroy_volume(made),
        "gone": refusal(lambda: compute.ex_get_volume(made.id)),
    }


def domain():
    zone = dns.create_zone("libcloud-story.example", extra={"ip": "192.0.2.7"})
    record = dns.create_record("www", zone, RecordType.A, "192.0.2.8", {"ttl": 600})
    mail = dns.create_record("", zone, RecordType.MX, "mail.example.com", {"priority": 10})
    return {
        "created": [zone.domain, zone.domain in [each.domain for each in dns.list_zones()]],
        "record": [record.name, record.type, record.data, record.ttl],
        "mail": [mail.name, mail.type, mail.data, mail.extra["priority"]],
        "listed": sorted([each.type, each.name or "", each.data] for each in dns.list_records(zone)),
        "updated": [
            dns.update_record(record, data="192.0.2.9", extra={"ttl": 900}),
            dns.get_record(zone.id, record.id).data,
            dns.get_record(zone.id, record.id).ttl,
        ],
        "deleted": [dns.delete_record(record), refusal(lambda: dns.get_record(zone.id, record.id))],
        "left": [dns.delete_zone(zone), refusal(lambda: dns.get_zone(zone.id))],
    }


print(json.dumps({"instance": instance(), "domain": domain()}))
