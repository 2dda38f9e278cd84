#!/usr/bin/perl

# rtprop_user: identity from variables; auth_request, client certificates;
# levels; the variables $rtprop_user and $rtprop_role.

use strict;
use warnings;

use lib 't/lib';
use RTProp::Test;

my $nginx = rtprop_nginx(
    tls => 1,
    http => <<'END',
    rtprop_zone rtprop 16m;
    rtprop_jwt_key jwt.key;
    log_format who "$uri $status user=$rtprop_user role=$rtprop_role";
    access_log logs/who.log who;
END
    server => <<'END');
    ssl_client_certificate cert.pem;
    ssl_verify_client optional;

    location /arg {
        rtprop native;
        rtprop_user $arg_user name=$arg_name role=$arg_role;
    }

    location /header { rtprop native; rtprop_user $http_x_user; }

    location /auth {
        auth_request /check;
        auth_request_set $who $upstream_http_x_user;
        auth_request_set $what $upstream_http_x_role;
        rtprop native;
        rtprop_user $who role=$what;
    }

    location = /check {
        internal;
        proxy_pass http://127.0.0.1:$server_port/backend;
        proxy_pass_request_body off;
        proxy_set_header Connection "";
        proxy_set_header Upgrade "";
    }

    location = /backend {
        if ($http_x_key != good) {
            return 401;
        }

        add_header X-User user-of-backend;
        add_header X-Role agent;
        return 204;
    }

    location /cert { rtprop native; rtprop_user $ssl_client_s_dn; }
    location /token { rtprop native; }
    location /count { return 200 $rtprop_connections; }
END


sub user {
    my ($ws) = @_;
    return $ws->{welcome} ? $ws->{welcome}{payload}{user} : $ws->status;
}


my $ws = client(path => '/arg', token => undef,
                query => { user => 'ann', name => 'Ann B. Öre',
                           role => 'agent' });
is_deeply(user($ws), { id => 'ann', name => "Ann B. \x{d6}re",
                       role => 'agent' }, 'from arguments, unescaped');

$ws = client(path => '/arg?user=bob&name=Bob+B', token => undef);
is_deeply(user($ws), { id => 'bob', name => 'Bob B', role => '' },
          'a plus is a space');

$ws = client(path => '/header', token => undef,
             headers => { 'X-User' => 'a%20b' });
is($ws->{welcome}{payload}{user}{id}, 'a%20b', 'a header is taken as it is');

for (['no user', '/arg'], ['empty user', '/arg?user='],
     ['spaces in an id', '/arg?user=a%20b'],
     ['a control character', '/arg?user=a%01'],
     ['no UTF-8', '/arg?user=%ff'],
     ['129 octets', '/arg?user=' . 'a' x 129],
     ['a token in place of a user', '/arg?token=' . token(sub => 'ann')])
{
    my ($name, $path) = @$_;
    my $ws = client(path => $path, token => undef, welcome => 0);
    is($ws->status, 401, "$name: 401");
    like($ws->header('WWW-Authenticate'), qr/^Bearer error=/,
         "$name: WWW-Authenticate");
}

$ws = client(path => '/auth', token => undef, headers => { "X-Key" => "good" });
is_deeply(user($ws), { id => 'user-of-backend', name => '', role => 'agent' },
          'auth_request');
is(client(path => '/auth', token => undef, headers => { "X-Key" => "bad" },
          welcome => 0)->status, 401, 'auth_request refuses');

subtest 'client certificates' => sub {
    require IO::Socket::SSL;
    my $p = $nginx->prefix;

    no warnings qw(redefine once);
    my $start = IO::Socket::SSL->can('start_SSL');
    local *IO::Socket::SSL::start_SSL = sub {
        my ($class, $socket, %opt) = @_;
        $start->($class, $socket, %opt, SSL_use_cert => 1,
                 SSL_cert_file => "$p/cert.pem",
                 SSL_key_file => "$p/cert.key");
    };

    my $ws = client(path => '/cert', token => undef, tls => 1);
    is($ws->status, 101, 'accepted');
    is($ws->{welcome}{payload}{user}{id}, 'CN=localhost', 'the subject');
    $ws->close;
};

is(client(path => '/cert', token => undef, tls => 1, welcome => 0)->status,
   401, 'no certificate');

$ws = client(path => '/token', user => 'eve');
is($ws->{welcome}{payload}{user}{id}, 'eve', 'a key of the http level');

$ws->send_json('auth:refresh', { token => token(sub => 'eve') });
ok($ws->wait_for('auth:refreshed'), 'refreshed');

my $named = client(path => '/arg', token => undef, query => { user => 'ann' });
$named->send_json('auth:refresh', { token => token(sub => 'ann') });
is($named->wait_for('error')->{payload}{code}, 'not_authorized',
   'no tokens where rtprop_user is');

my $who = sub { RTProp::Nginx::slurp($nginx->prefix . '/logs/who.log') };

ok($nginx->wait_until(sub { $who->() =~ m{^/token 101 user=eve role=$}m }),
   '$rtprop_user of a token');
like($who->(), qr{^/arg 101 user=ann role=agent$}m, '$rtprop_role');
like($who->(), qr{^/arg 401 user=- role=-$}m, 'nobody');
like($who->(), qr{^/auth 101 user=user-of-backend role=agent$}m,
     '$rtprop_user of auth_request');

ok($nginx->wait_until(sub { http()->get('/count')->{body} eq '2' }),
   '$rtprop_connections');

done_testing();
