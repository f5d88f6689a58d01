package message

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Normalized returns a content as the network's single-message answers show it:
// the members of its schema in a fixed order, each present with its default,
// coerced values in place of what was sent, and nothing that the schema does
// not know. Free members stay as sent, without white space.
//
// The content must come from one of this package's parsers.
// // spec ccn-http-api 3.2
func Normalized(c Content) (json.RawMessage, error) {
	v := value(c.Raw())
	if v.kind() != kindObject {
		return nil, fmt.Errorf("%w: content was not made by parsing", ErrInvalid)
	}
	var members []member
	switch c := c.(type) {
	case *Post:
		members = postForm
	case *Aggregate:
		members = aggregateForm
	case *Store:
		members = storeForm
	case *Forget:
		members = forgetForm
	case *Program:
		environment := functionEnvironmentForm
		if isInstanceEnvironment(c) {
			environment = instanceEnvironmentForm
		}
		members = programForm(environment)
	case *Instance:
		members = instanceForm
	case *VProgram:
		members = vprogramForm
	default:
		return nil, fmt.Errorf("%w: no schema for contents of type %T", ErrInvalid, c)
	}
	return appendForm(make([]byte, 0, 2*len(v)), v, members), nil
}

// isInstanceEnvironment reports whether the environment of a program reads as
// that of an instance: it has a member that only the latter has, even as null,
// and nothing that the latter refuses. // spec messages 3.9
func isInstanceEnvironment(p *Program) bool {
	if p.Environment.Hypervisor != "" || p.Environment.TrustedExecution != nil {
		return true
	}
	environment := value(p.raw).member("environment")
	hypervisor, trusted := environment.member("hypervisor"), environment.member("trusted_execution")
	return (hypervisor != nil || trusted != nil) && !hypervisor.given() && !trusted.given()
}

// form says how a member is written.
type form byte

const (
	asSent form = iota // any JSON value
	asBool
	asInt
	asFloat
	asObject // of the form's own members
	asList   // of objects of the form's own members
	asVolumes
)

// member is one line of a schema's output.
type member struct {
	key     string
	form    form
	absent  string // the JSON text of the default
	members []member
}

// maxForm is the most members that a form has.
const maxForm = 18

func appendForm(dst []byte, v value, members []member) []byte {
	var values [maxForm]value
	for name, member := range v.members {
		for i := range members {
			if members[i].key == string(name) {
				values[i] = member
				break
			}
		}
	}
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, '"')
		dst = append(dst, m.key...)
		dst = append(dst, '"', ':')
		dst = m.append(dst, values[i])
	}
	return append(dst, '}')
}

func (m member) append(dst []byte, v value) []byte {
	if v == nil {
		return append(dst, m.absent...)
	}
	if v.kind() == kindNull {
		return append(dst, "null"...)
	}
	switch m.form {
	case asBool:
		b, _ := coerceBool(v)
		return strconv.AppendBool(dst, b)
	case asInt:
		n, _ := coerceInt(v)
		if n.negative {
			dst = append(dst, '-')
		}
		return strconv.AppendUint(dst, n.abs, 10)
	case asFloat:
		switch v.kind() {
		case kindTrue:
			return append(dst, "1.0"...)
		case kindFalse:
			return append(dst, "0.0"...)
		}
		return append(dst, FormatSeconds(v.float())...)
	case asObject:
		return appendForm(dst, v, m.members)
	case asList, asVolumes:
		dst = append(dst, '[')
		for i, element := range v.elements {
			if i > 0 {
				dst = append(dst, ',')
			}
			members := m.members
			if m.form == asVolumes {
				members = volumeForms[volumeKind(element)]
			}
			dst = appendForm(dst, element, members)
		}
		return append(dst, ']')
	case asSent:
	}
	return appendCompact(dst, v)
}

// appendCompact appends v without the white space between its tokens.
func appendCompact(dst []byte, v value) []byte {
	for pos := 0; pos < len(v); {
		switch c := v[pos]; {
		case c == '"':
			end := skipString(v, pos)
			dst = append(dst, v[pos:end]...)
			pos = end
		case isSpace(c):
			pos++
		default:
			dst = append(dst, c)
			pos++
		}
	}
	return dst
}

// The forms of the content types. // spec ccn-http-api 3.2, messages 3
var (
	baseForm = []member{{key: "address"}, {key: "time", form: asFloat}}

	postForm = joined(baseForm,
		member{key: "content", absent: "null"}, member{key: "ref", absent: "null"}, member{key: "type"})

	aggregateForm = joined(baseForm, member{key: "key"}, member{key: "content"})

	storeForm = joined(baseForm,
		member{key: "item_type"}, member{key: "item_hash"}, member{key: "size", form: asInt, absent: "null"},
		member{key: "content_type", absent: "null"}, member{key: "ref", absent: "null"},
		member{key: "metadata", absent: "null"}, paymentMember)

	forgetForm = joined(baseForm,
		member{key: "hashes"}, member{key: "aggregates", absent: "[]"}, member{key: "reason", absent: "null"})

	paymentMember = member{key: "payment", form: asObject, absent: "null", members: []member{
		{key: "chain", absent: "null"}, {key: "receiver", absent: "null"}, {key: "type"},
	}}

	parentForm = []member{{key: "ref"}, {key: "use_latest", form: asBool, absent: "true"}}

	functionEnvironmentForm = []member{
		{key: "reproducible", form: asBool, absent: "false"},
		{key: "internet", form: asBool, absent: "false"},
		{key: "aleph_api", form: asBool, absent: "false"},
		{key: "shared_cache", form: asBool, absent: "false"},
	}

	instanceEnvironmentForm = []member{
		{key: "internet", form: asBool, absent: "false"},
		{key: "aleph_api", form: asBool, absent: "false"},
		{key: "hypervisor", absent: "null"},
		{key: "trusted_execution", form: asObject, absent: "null", members: []member{
			{key: "firmware", absent: "null"},
			{key: "policy", form: asInt, absent: "1"},
			{key: "mode", absent: "null"},
			{key: "runtime", absent: "null"},
			measurementsMember,
			{key: "attestation_port", form: asInt, absent: "null"},
		}},
		{key: "reproducible", form: asBool, absent: "false"},
		{key: "shared_cache", form: asBool, absent: "false"},
	}

	measurementsMember = member{key: "measurements", form: asList, absent: "null", members: []member{
		{key: "platform"}, {key: "digest"}, {key: "vcpu_type", absent: "null"},
	}}

	volumeForms = map[VolumeKind][]member{
		VolumeImmutable: {
			{key: "comment", absent: "null"},
			{key: "mount", absent: "null"},
			{key: "ref"},
			{key: "use_latest", form: asBool, absent: "true"},
		},
		VolumeEphemeral: {
			{key: "comment", absent: "null"},
			{key: "mount", absent: "null"},
			{key: "ephemeral", form: asBool, absent: "true"},
			{key: "size_mib", form: asInt},
		},
		VolumePersistent: {
			{key: "comment", absent: "null"},
			{key: "mount", absent: "null"},
			{key: "parent", form: asObject, absent: "null", members: parentForm},
			{key: "persistence", absent: "null"},
			{key: "name", absent: "null"},
			{key: "size_mib", form: asInt},
		},
	}

	volumesMember = member{key: "volumes", form: asVolumes, absent: "[]"}

	instanceForm = joined(executableForm(instanceEnvironmentForm, volumesMember),
		member{key: "rootfs", form: asObject, members: []member{
			{key: "parent", form: asObject, members: parentForm},
			{key: "persistence"},
			{key: "size_mib", form: asInt},
			{key: "forgotten_by", absent: "null"},
		}})

	vprogramForm = joined(
		executableForm([]member{{key: "internet", form: asBool, absent: "false"}},
			member{key: "volumes", form: asList, absent: "[]", members: joined(verifiedForm, member{key: "comment", absent: `""`})}),
		member{key: "runtime", form: asObject, members: []member{{key: "ref"}, {key: "comment", absent: `""`}}},
		member{key: "workload", form: asObject, members: verifiedForm},
		member{key: "verification", form: asObject, members: []member{
			{key: "backend"}, {key: "policy", form: asInt, absent: strconv.Itoa(defaultSNPPolicy)}, measurementsMember,
		}})

	verifiedForm = []member{{key: "ref"}, {key: "hash_tree"}, {key: "roothash"}}
)

// joined joins two parts of a form.
func joined(first []member, second ...member) []member {
	return append(slices.Clip(first), second...)
}

// executableForm is what PROGRAM, INSTANCE and V-PROGRAM begin with.
func executableForm(environment []member, volumes member) []member {
	return joined(baseForm,
		member{key: "allow_amend", form: asBool}, member{key: "metadata", absent: "null"},
		member{key: "authorized_keys", absent: "null"}, member{key: "variables", absent: "null"},
		member{key: "environment", form: asObject, members: environment},
		member{key: "resources", form: asObject, members: []member{
			{key: "vcpus", form: asInt, absent: "1"},
			{key: "memory", form: asInt, absent: "128"},
			{key: "seconds", form: asInt, absent: "1"},
			{key: "published_ports", form: asList, absent: "null", members: []member{
				{key: "protocol", absent: `"tcp"`}, {key: "port", form: asInt},
			}},
		}},
		paymentMember,
		member{key: "requirements", form: asObject, absent: "null", members: []member{
			{key: "cpu", form: asObject, absent: "null", members: []member{
				{key: "architecture", absent: "null"}, {key: "vendor", absent: "null"}, {key: "features", absent: "null"},
			}},
			{key: "node", form: asObject, absent: "null", members: []member{
				{key: "owner", absent: "null"},
				{key: "address_regex", absent: "null"},
				{key: "node_hash", absent: "null"},
				{key: "terms_and_conditions", absent: "null"},
			}},
			{key: "gpu", form: asList, absent: "null", members: []member{
				{key: "vendor"}, {key: "device_name"}, {key: "device_class"}, {key: "device_id"},
			}},
		}},
		volumes, member{key: "replaces", absent: "null"})
}

func programForm(environment []member) []member {
	return joined(executableForm(environment, volumesMember),
		member{key: "type"},
		member{key: "code", form: asObject, members: []member{
			{key: "encoding"},
			{key: "entrypoint"},
			{key: "ref"},
			{key: "interface", absent: "null"},
			{key: "args", absent: "null"},
			{key: "use_latest", form: asBool, absent: "false"},
		}},
		member{key: "runtime", form: asObject, members: []member{
			{key: "ref"}, {key: "use_latest", form: asBool, absent: "true"}, {key: "comment"},
		}},
		member{key: "data", form: asObject, absent: "null", members: []member{
			{key: "encoding"}, {key: "mount"}, {key: "ref"}, {key: "use_latest", form: asBool, absent: "false"},
		}},
		member{key: "export", form: asObject, absent: "null", members: []member{{key: "encoding"}, {key: "mount"}}},
		member{key: "on", form: asObject, members: []member{
			{key: "http", form: asBool},
			{key: "message", absent: "null"},
			{key: "persistent", form: asBool, absent: "null"},
		}})
}
