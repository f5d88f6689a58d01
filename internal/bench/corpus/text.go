package corpus

import (
	"strings"
)

// words are what contents are made of.
var words = []string{
	"the", "node", "stores", "a", "message", "of", "cloud", "network", "file", "for", "everybody", "and", "signs", "it",
	"today", "with", "care", "because", "größe", "été", "данные", "数据", "value", "is", "12", "7.5", "open", "virtual",
	"machine", "reads", "\"quoted\"", "back\\slash", "<b>", "&", "tokyo", "berlin", "temperature", "score", "level", "🙂",
}

// postTypes are the types of posts, the usual ones first.
var postTypes = []string{"blog", "chat", "comment", "like", "score", "measurement", "nft-metadata", "vote", "profile-note", "report"}

// aggregateKeys are the keys of aggregates, the popular ones first.
var aggregateKeys = []string{"profile", "counter", "websites", "domains", "settings", "port-forwarding", "cart", "notes", "", "índice"}

// sentence makes a text of about n words.
func (p *planner) sentence(n int) string {
	var b strings.Builder
	for i := range 1 + p.r.IntN(2*n) {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(words[p.words.Uint64()])
	}
	return b.String()
}

// tags makes a few tags, sometimes none.
func (p *planner) tags() []string {
	if !p.chance(3) {
		return nil
	}
	var tags []string
	for range 1 + p.r.IntN(3) {
		tags = append(tags, tagWords[min(p.r.IntN(len(tagWords)), p.r.IntN(len(tagWords)))])
	}
	return tags
}

var tagWords = []string{"mainnet", "news", "art", "sport", "science", "draft", "de", "fr", "release", "test"}

// bytes makes the bytes of a small file: few are large.
func (p *planner) bytes() []byte {
	n := 32 << min(p.r.IntN(8), p.r.IntN(8)) // 32 to 4096
	data := make([]byte, n+p.r.IntN(n))
	for i := 0; i < len(data); i += 8 {
		word := p.r.Uint64()
		for j := i; j < min(i+8, len(data)); j++ {
			data[j] = byte(word)
			word >>= 8
		}
	}
	return data
}
