package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"reflect"
	"strings"
)

// texts are the text arguments that are no UUID, by method and position.
var texts = map[string]string{
	"Billing.GetInvoice#0":                        "123456",
	"CDN.GetPushZoneFile#1":                       "index.html",
	"CDN.DeletePushZoneFile#1":                    "index.html",
	"ContainerRegistry.GetRepository#1":           "hello-world",
	"ContainerRegistry.UpdateRepository#1":        "hello-world",
	"ContainerRegistry.DeleteRepository#1":        "hello-world",
	"ContainerRegistry.ListArtifacts#1":           "hello-world",
	"ContainerRegistry.GetArtifact#1":             "hello-world",
	"ContainerRegistry.DeleteArtifact#1":          "hello-world",
	"ContainerRegistry.GetArtifact#2":             "sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
	"ContainerRegistry.DeleteArtifact#2":          "sha256:fcde2b2edba56bf408601fb721fe9b5c338d10ee429ea04fae5511b68fbf8fb9",
	"ContainerRegistry.CreateReplication#1":       "sjc",
	"ContainerRegistry.GetReplication#1":          "ams",
	"ContainerRegistry.DeleteReplication#1":       "blr",
	"ContainerRegistry.UpdateRetentionSchedule#1": "0 0 * * 1",
	"ContainerRegistry.GetRobot#1":                "robot$ci",
	"ContainerRegistry.UpdateRobot#1":             "robot$ci",
	"ContainerRegistry.DeleteRobot#1":             "robot$ci",
	"Database.GetUser#1":                          "app_reader",
	"Database.UpdateUser#1":                       "app_writer",
	"Database.DeleteUser#1":                       "app_former",
	"Database.UpdateUserACL#1":                    "app_cache",
	"Database.GetDB#1":                            "orders",
	"Database.DeleteDB#1":                         "orders_old",
	"Database.GetTopic#1":                         "events.v1",
	"Database.UpdateTopic#1":                      "events.v2",
	"Database.DeleteTopic#1":                      "events.v0",
	"Database.GetQuota#1":                         "client-1",
	"Database.GetQuota#2":                         "app_reader",
	"Database.UpdateQuota#1":                      "client-2",
	"Database.UpdateQuota#2":                      "app_writer",
	"Database.DeleteQuota#1":                      "client-3",
	"Database.DeleteQuota#2":                      "app_former",
	"Database.GetConnectorConfigurationSchema#1":  "io.aiven.kafka.connect.http.HttpSinkConnector",
	"Database.GetConnector#1":                     "sink-1",
	"Database.UpdateConnector#1":                  "sink-2",
	"Database.DeleteConnector#1":                  "sink-3",
	"Database.GetConnectorStatus#1":               "sink-4",
	"Database.RestartConnector#1":                 "sink-5",
	"Database.PauseConnector#1":                   "sink-6",
	"Database.ResumeConnector#1":                  "sink-7",
	"Database.RestartConnectorTask#1":             "sink-8",
	"Database.GetConnectionPool#1":                "pool_1",
	"Database.UpdateConnectionPool#1":             "pool_2",
	"Database.DeleteConnectionPool#1":             "pool_3",
	"Domain.Get#0":                                "get.example.com",
	"Domain.Update#0":                             "update.example.com",
	"Domain.Update#1":                             "enabled",
	"Domain.Delete#0":                             "delete.example.com",
	"Domain.GetSoa#0":                             "soa.example.com",
	"Domain.UpdateSoa#0":                          "soa.example.org",
	"Domain.GetDNSSec#0":                          "signed.example.com",
	"DomainRecord.Create#0":                       "example.com",
	"DomainRecord.Get#0":                          "example.com",
	"DomainRecord.Update#0":                       "example.com",
	"DomainRecord.Delete#0":                       "example.com",
	"DomainRecord.List#0":                         "example.com",
	"Instance.DeleteIPv4#1":                       "192.0.2.11",
	"Instance.DefaultReverseIPv4#1":               "192.0.2.12",
	"Instance.DeleteReverseIPv6#1":                "2001:db8::13",
	"Marketplace.ListAppVariables#0":              "openlitespeed-rails",
	"ObjectStorage.DeleteBucket#1":                "backups-2026",
	"Organization.GetRoleSession#0":               "session-token.a-b_c~d",
	"Organization.RevokeRoleSession#0":            "session-token.e-f_g~h",
	"Plan.List#0":                                 "vc2",
	"Region.Availability#0":                       "ams",
	"Region.Availability#1":                       "vhf",
	"VPC.Update#1":                                "network of the café & bar",
}

// argumentsOf makes the arguments for a method: every field of every structure is set, and no two values are the same.
// They are the same at each run.
func argumentsOf(m method) []reflect.Value {
	made := &maker{seed: m.name}
	var args []reflect.Value
	for i, parameter := range m.parameters() {
		value := reflect.New(parameter).Elem()
		text, isText := texts[fmt.Sprintf("%s#%d", m.name, i)]
		if isText {
			value.SetString(text)
		} else {
			made.fill(value, "id")
		}
		args = append(args, value)
	}
	return args
}

// maker makes values that differ from each other.
type maker struct {
	seed  string
	count int
}

// fill sets a value and all within it. The name is that of the JSON member or query parameter that it becomes.
func (m *maker) fill(value reflect.Value, name string) {
	m.count++
	switch value.Kind() {
	case reflect.Pointer:
		value.Set(reflect.New(value.Type().Elem()))
		m.fill(value.Elem(), name)
	case reflect.Struct:
		for i := 0; i < value.NumField(); i++ {
			if field := value.Type().Field(i); field.IsExported() {
				m.fill(value.Field(i), memberName(field))
			}
		}
	case reflect.Slice:
		value.Set(reflect.MakeSlice(value.Type(), 2, 2))
		m.fill(value.Index(0), name)
		m.fill(value.Index(1), name)
	case reflect.Map:
		entry := reflect.New(value.Type().Elem()).Elem()
		m.fill(entry, name)
		value.Set(reflect.MakeMap(value.Type()))
		value.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key.%d", m.count)), entry)
	case reflect.Interface:
		value.Set(reflect.ValueOf(map[string]any{"batch.size": m.count, "mode": m.text(name)}))
	case reflect.String:
		value.SetString(m.text(name))
	case reflect.Bool:
		value.SetBool(true)
	case reflect.Int:
		value.SetInt(m.integer(name))
	case reflect.Float32:
		value.SetFloat(float64(m.count) + 0.1)
	default:
		panic(fmt.Sprintf("no values are known for %s, the type of %s of %s", value.Type(), name, m.seed))
	}
}

// integer makes a number; one that counts bytes does not fit into 32 bits.
func (m *maker) integer(name string) int64 {
	if strings.Contains(name, "bytes") {
		return 10_000_000_000 + int64(m.count)
	}
	return 100 + int64(m.count)
}

// text makes a text such as a member of that name may hold.
func (m *maker) text(name string) string {
	is := func(words ...string) bool {
		for _, word := range words {
			if name == word || strings.HasSuffix(name, "_"+word) {
				return true
			}
		}
		return false
	}
	switch {
	case is("id", "vpc", "instances"):
		return m.uuid()
	case is("user_data", "script", "b64"):
		return base64.StdEncoding.EncodeToString([]byte(fmt.Sprintf("#!/bin/sh\necho %d??>>\n", m.count)))
	case is("email", "email_invited"):
		return fmt.Sprintf("user+%d@example.com", m.count)
	case is("url", "uri"):
		return fmt.Sprintf("https://example.com/a%%20b?number=%d&more=1#top", m.count)
	case is("ip", "ips", "address", "subnet", "source", "ipv4"):
		return fmt.Sprintf("192.0.2.%d", m.count%256)
	case is("label", "description", "notes", "tag", "tags", "name", "config"):
		return fmt.Sprintf("%s %d: \"café\" & <b>50%%</b> \\ a+b/c", name, m.count)
	case is("date", "time", "until"):
		return fmt.Sprintf("2026-01-01T00:00:%02dZ", m.count%60)
	default:
		return fmt.Sprintf("%s-%d", name, m.count)
	}
}

// uuid makes a UUID of version 4.
func (m *maker) uuid() string {
	hash := sha256.Sum256([]byte(fmt.Sprintf("%s %d", m.seed, m.count)))
	hash[6] = hash[6]&0x0f | 0x40
	hash[8] = hash[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", hash[0:4], hash[4:6], hash[6:8], hash[8:10], hash[10:16])
}

// memberName is the name under which a field of a request structure is sent.
func memberName(field reflect.StructField) string {
	for _, tag := range []string{"json", "url"} {
		if name, _, _ := strings.Cut(field.Tag.Get(tag), ","); name != "" {
			return name
		}
	}
	return field.Name
}
