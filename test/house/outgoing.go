package house

import (
	"go/ast"
	"io/fs"
	"slices"
	"strings"
)

// outgoing returns the calls and types that open a connection to somebody else,
// by package.
func outgoing() map[string][]string {
	return map[string][]string{
		"net/http": {
			"Client", "Transport", "DefaultClient", "DefaultTransport", "Get", "Head", "Post", "PostForm", "NewRequest", "NewRequestWithContext",
		},
		"net": {
			"Dial", "DialTimeout", "DialTCP", "DialUDP", "DialIP", "DialUnix", "Dialer", "Resolver", "DefaultResolver",
			"LookupHost", "LookupIP", "LookupAddr", "LookupTXT", "LookupSRV", "ResolveTCPAddr", "ResolveUDPAddr",
		},
		"net/http/httputil":            {"ReverseProxy", "NewSingleHostReverseProxy"},
		"crypto/tls":                   {"Dial", "DialWithDialer", "Dialer", "Client"},
		"os/exec":                      {"Command", "CommandContext"},
		"github.com/coder/websocket":   {"Dial"},
		"github.com/jackc/pgx/v5":      {"Connect", "ConnectConfig"},
		"github.com/redis/go-redis/v9": {"NewClient", "NewClusterClient", "NewUniversalClient", "NewFailoverClient"},
		"aleph/client":                 {"New"},
	}
}

// mayCall returns the files of the node that open connections to what its operator
// has named: his own socket, the database, and the processes of the same node.
func mayCall() []string {
	return []string{
		"internal/node/admin/admin.go", "internal/node/admin/client.go", "internal/node/store/postgres_lock.go", "internal/node/replica/replica.go", "internal/node/replica/forward.go",
	}
}

// Outgoing finds places where a node opens connections. A hash, a CID, an address
// or a link in a message comes from a stranger: a node that followed it could be
// sent to the machines beside it. Who adds a way out puts it into a file of its
// own, which refuses private addresses after names are resolved, and lists it in
// mayCall together with the test that tries.
func Outgoing(tree fs.FS) ([]string, int, error) {
	seen := 0
	offences, err := eachGoFile(tree, func(f goFile) (offences []string) {
		inside := strings.HasPrefix(f.name, "internal/node/") || strings.HasPrefix(f.name, "message/") || strings.HasPrefix(f.name, "account/")
		if !inside || f.isTest() || strings.Contains(f.name, "test/") || slices.Contains(mayCall(), f.name) {
			return nil
		}
		seen++
		names, ways := imported(f.syntax), outgoing()
		ast.Inspect(f.syntax, func(node ast.Node) bool {
			selector, ok := node.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of, ok := selector.X.(*ast.Ident)
			if ok && slices.Contains(ways[names[of.Name]], selector.Sel.Name) {
				offences = append(offences, f.at(selector.Pos())+": "+of.Name+"."+selector.Sel.Name+
					" leads out of the node: a stranger's message must not reach private addresses, see Outgoing in test/house/outgoing.go")
			}
			return true
		})
		return offences
	})
	return offences, seen, err
}

// imported returns the packages of a file by the names it calls them.
func imported(file *ast.File) map[string]string {
	names := make(map[string]string)
	for _, spec := range file.Imports {
		path := strings.Trim(spec.Path.Value, `"`)
		parts := strings.Split(path, "/")
		name := parts[len(parts)-1]
		if len(parts) > 1 && len(name) > 1 && name[0] == 'v' && name[1] >= '0' && name[1] <= '9' {
			name = parts[len(parts)-2]
		}
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = path
	}
	return names
}
