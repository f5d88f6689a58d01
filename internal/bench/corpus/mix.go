package corpus

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"aleph/message"
)

// Mix holds the weights of the kinds of which a corpus is made. A kind that it
// does not name does not occur.
type Mix map[string]int

// Kind is one kind of event in a corpus, of one or several messages.
type Kind struct {
	Name   string
	Weight int // in the usual mix
	// Races says that the outcome depends on the order of the messages, so that
	// a corpus which is free of order has none.
	Races bool
	Doc   string

	// emit makes the messages; false when there is nothing to refer to yet.
	emit func(*planner) bool
}

// Kinds lists what a corpus can be made of.
func Kinds() []Kind {
	return []Kind{
		{"post", 470, false, "a post", (*planner).post},
		{"amend", 95, false, "an amend of a post", (*planner).amend},
		{"aggregate", 190, false, "an update of an aggregate", (*planner).aggregate},
		{"store", 55, false, "a file, sometimes under a name, sometimes one that others store too", (*planner).store},
		{"revision", 10, false, "a new version of a file", (*planner).revision},
		{"program", 8, false, "a function that uses files", (*planner).program},
		{"instance", 8, false, "a virtual machine", (*planner).instance},
		{"vprogram", 2, false, "a verifiable program", (*planner).vprogram},
		{"forget", 30, false, "a FORGET of posts, amends, aggregate elements, files or machines", (*planner).forget},
		{"delegated", 40, false, "a message by a delegate of its owner", (*planner).delegated},
		{"storage", 10, false, "a message whose content is a file", (*planner).storage},
		{"late", 12, false, "a message before what it needs: content, file, original, target", (*planner).late},
		{"balances", 1, false, "a later report of balances", (*planner).balances},
		{"grant", 1, false, "credits for somebody", (*planner).grant},
		{"expense", 3, false, "an expense of credits", (*planner).expense},
		{"copy", 25, false, "a message once more", (*planner).copied},
		{"reject", 20, false, "a message that is refused for one of the reasons there are", (*planner).reject},
		{"revoke", 12, true, "an authorization, its use, its end, what is refused then", (*planner).revoke},
		{"blocked", 2, true, "a FORGET of a file that a machine uses, which is refused", (*planner).blocked},
		{"cascade", 5, true, "a FORGET of a post that takes its amends along", (*planner).cascade},
		{"forgetkey", 3, true, "a FORGET of a whole aggregate", (*planner).forgetKey},
		{"transfer", 2, true, "a transfer of credits", (*planner).transfer},
	}
}

// UsualMix returns the weights that resemble the public network's traffic.
func UsualMix() Mix {
	mix := Mix{}
	for _, k := range Kinds() {
		mix[k.Name] = k.Weight
	}
	return mix
}

// ParseMix changes the usual mix by a text like "store=200,reject=0".
func ParseMix(text string) (Mix, error) {
	mix := UsualMix()
	for part := range strings.SplitSeq(text, ",") {
		if part == "" {
			continue
		}
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		weight, err := strconv.Atoi(value)
		if _, known := mix[name]; !known || err != nil || weight < 0 {
			names := slices.Sorted(maps.Keys(mix))
			return nil, fmt.Errorf("%w: mix %q must be name=weight, with a name of %s", message.ErrInvalid, part, strings.Join(names, ", "))
		}
		mix[name] = weight
	}
	return mix, nil
}
