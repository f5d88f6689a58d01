package openapi

import "strings"

// paragraph is a run of words, some of them set apart.
type paragraph []span

// span is words of one kind: "code", "strong", "em", or "" for plain ones.
type span struct{ Kind, Text string }

// marks are what sets words apart in descriptions, the longer first.
var marks = []struct{ mark, kind string }{{"`", "code"}, {"**", "strong"}, {"*", "em"}}

// prose reads a description: paragraphs between empty lines.
func prose(text string) []paragraph {
	var list []paragraph
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		if words := strings.Join(strings.Fields(block), " "); words != "" {
			list = append(list, spans(words))
		}
	}
	return list
}

func spans(text string) paragraph {
	var list paragraph
	plain := 0
	for i := 0; i < len(text); {
		found := false
		for _, m := range marks {
			rest, ok := strings.CutPrefix(text[i:], m.mark)
			if !ok {
				continue
			}
			inside, _, closed := strings.Cut(rest, m.mark)
			if !closed || inside == "" {
				continue
			}
			if plain < i {
				list = append(list, span{"", text[plain:i]})
			}
			list = append(list, span{m.kind, inside})
			i += len(inside) + 2*len(m.mark)
			plain, found = i, true
			break
		}
		if !found {
			i++
		}
	}
	if plain < len(text) {
		list = append(list, span{"", text[plain:]})
	}
	return list
}
