package message

import (
	"errors"
	"regexp"
	"strings"
)

// verbose finds the flag that makes white space and comments legal in a pattern.
var verbose = regexp.MustCompile(`\(\?[aiLmsu]*x`)

// checkPattern refuses a text that no Python regular expression can be. It
// checks the grammar of groups, sets, repetitions and escapes and nothing more:
// Go's engine refuses look-around and back-references, which are legal here.
// // spec messages 3.8, Q-08
func checkPattern(pattern string) error {
	if verbose.MatchString(pattern) {
		return nil // a comment may hold anything
	}
	depth := 0
	// before says what stands left of the position: nothing that can be
	// repeated, an item, or an item that is repeated already.
	const nothing, item, repeated = 0, 1, 2
	before := nothing
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; c {
		case '\\':
			i++
			if i == len(pattern) {
				return errors.New("escape without a character")
			}
			if isLetter(pattern[i]) && !strings.ContainsRune("abfnrtvxuUNAbBdDsSwWZz", rune(pattern[i])) {
				return errors.New("unknown escape")
			}
			before = item
			if strings.IndexByte("AbBZ", pattern[i]) >= 0 {
				before = nothing // a place, not a character
			}
		case '[':
			end := setEnd(pattern, i)
			if end < 0 {
				return errors.New("set without an end")
			}
			i, before = end, item
		case '(':
			depth++
			before = nothing
			if strings.HasPrefix(pattern[i+1:], "?") {
				skip, err := groupStart(pattern[i+2:])
				if err != nil {
					return err
				}
				i += 1 + skip
			}
		case ')':
			if depth--; depth < 0 {
				return errors.New("unbalanced parenthesis")
			}
			before = item
		case '|', '^', '$':
			before = nothing
		case '*', '+', '?', '{':
			length, err := repetition(pattern[i:])
			if err != nil {
				return err
			}
			if length == 0 { // a brace that is a character
				before = item
				continue
			}
			switch before {
			case nothing:
				return errors.New("nothing to repeat")
			case repeated:
				return errors.New("repeated twice")
			}
			i += length - 1
			if i+1 < len(pattern) && (pattern[i+1] == '?' || pattern[i+1] == '+') {
				i++ // lazy or possessive
			}
			before = repeated
		default:
			before = item
		}
	}
	if depth != 0 {
		return errors.New("group without an end")
	}
	return nil
}

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// setEnd returns the position of the bracket that ends the set at start, or -1.
func setEnd(pattern string, start int) int {
	i := start + 1
	if strings.HasPrefix(pattern[i:], "^") {
		i++
	}
	for first := true; i < len(pattern); i, first = i+1, false {
		switch {
		case pattern[i] == '\\':
			i++
		case pattern[i] == ']' && !first:
			return i
		}
	}
	return -1
}

// groupStart checks what follows "(?" and returns how many bytes of it come
// before the pattern of the group.
func groupStart(rest string) (int, error) {
	for _, kind := range []string{":", "=", "!", "<=", "<!", ">"} {
		if strings.HasPrefix(rest, kind) {
			return len(kind), nil
		}
	}
	end := strings.IndexByte(rest, ')')
	if strings.HasPrefix(rest, "#") {
		if end < 0 {
			return 0, errors.New("comment without an end")
		}
		return end, nil
	}
	if strings.HasPrefix(rest, "P<") {
		if end := strings.IndexByte(rest, '>'); end > len("P<") {
			return end + 1, nil
		}
		return 0, errors.New("group name without an end")
	}
	if strings.HasPrefix(rest, "P=") || strings.HasPrefix(rest, "(") {
		return 0, nil
	}
	// Flags, for the whole pattern or for the group.
	if flags := strings.TrimLeft(rest, "aiLmsux-"); len(flags) < len(rest) && flags != "" &&
		(flags[0] == ')' || flags[0] == ':') {
		return len(rest) - len(flags), nil
	}
	return 0, errors.New("unknown kind of group")
}

// repetition returns the length of the repetition that pattern starts with; 0
// for a brace that stands for itself.
func repetition(pattern string) (int, error) {
	if pattern[0] != '{' {
		return 1, nil
	}
	end := strings.IndexByte(pattern, '}')
	if end < 0 {
		return 0, nil
	}
	low, high, two := strings.Cut(pattern[1:end], ",")
	if !isAll(low, "0123456789") || !isAll(high, "0123456789") || low == "" && !two {
		return 0, nil
	}
	bounded := high != ""
	low, high = strings.TrimLeft(low, "0"), strings.TrimLeft(high, "0")
	if bounded && (len(low) > len(high) || len(low) == len(high) && low > high) {
		return 0, errors.New("repetition with its bounds reversed")
	}
	return end + 1, nil
}
