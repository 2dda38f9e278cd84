#!/usr/bin/perl

# Each example starts nginx, and an accepted connection is answered.

use strict;
use warnings;

use JSON::PP;

use lib 't/lib';
use RTProp::Postgres;
use RTProp::Redis;
use RTProp::Test;

my $prefix = RTProp::Nginx::top();
my $temp = join "\n", map { "${_}_temp_path tmp_$_;" }
           qw(client_body proxy fastcgi uwsgi scgi);

my %files = (
    'rtprop/jwt.key' => SECRET,
    'rtprop/api.key' => API_KEY,
    'rtprop/redis.password' => "secret\n",
    'rtprop/jwks.json' => encode_json({
        keys => [RTProp::JWT::jwk_oct(SECRET, 'k1')] }),
);


my ($redis, $postgres);


# Only what cannot be as it is on this machine: ports, places of modules, logs,
# where Redis and PostgreSQL are.

sub adapted {
    my ($text) = @_;

    $text =~ s{load_module \S+;}{load_module \@MODULE\@;};
    $text =~ s{worker_processes \w+;}{worker_processes 4;};
    $text =~ s{listen \d+}{listen 127.0.0.1:\@PORT\@}g;
    $text =~ s{/var/log/nginx/}{logs/}g;
    $text =~ s{^ *rtprop_redis \K\S+(?=[ ;])}{redis()}me;
    $text =~ s{^ *rtprop_postgres "\K[^"]+}{postgres()}me;
    $text =~ s/^http \{\K/\naccess_log logs\/access.log;\n$temp/m;

    return "pid nginx.pid;\nerror_log logs/error.log info;\n"
           . ($> == 0 ? "user nobody nogroup;\n" : '') . $text;
}


# The user that operations.md has.

sub redis {
    my ($user) = RTProp::Nginx::slurp("$prefix/docs/operations.md")
                 =~ /^    (user rtprop on .*)$/m;

    $user =~ s/>PASSWORD/>secret/;
    $redis ||= RTProp::Redis->new(conf => "$user\n")->start;

    return $redis->url;
}


sub postgres { ($postgres ||= RTProp::Postgres->new->start)->conninfo }


# Somebody whom each example lets in, whatever it asks for.

sub visitor {
    my ($nginx, $path, $tls) = @_;
    my $token = token(sub => 'ann', aud => 'rtprop',
                      iss => 'https://login.example.com');

    return client(nginx => $nginx, path => $path, token => $token,
                  welcome => 0, tls => $tls, headers => {
        Cookie => "access_token=$token; visitor=ann; user=ann" });
}


for my $file (sort glob "$prefix/conf.examples/*.conf") {
    my ($name) = $file =~ m{([^/]+)$};

    next if $name eq 'front.conf';      # t/cluster/front.t: it needs two others

    my $text = RTProp::Nginx::slurp($file);
    my $tls = $text =~ /ssl_certificate/;

    my $nginx = RTProp::Nginx->new(full => '', files => \%files);

    if ($tls) {
        mkdir $nginx->prefix . '/rtprop';
        $nginx->make_certificate;
        rename $nginx->prefix . "/cert.$_",
               $nginx->prefix . "/rtprop/cert.$_" for qw(pem key);
        $nginx->{tls_port} = $nginx->port;
    }

    $nginx->{full} = adapted($text);
    $nginx->write_conf;

    ok(eval { $nginx->start }, "$name starts") or diag($@);

    unlike($nginx->stderr, qr/\[warn\].*"rtprop/,
           "$name: nothing to warn of");

    if ($nginx->alive) {
        my @paths = $text =~ m{location (?:= )?(/ws[\w-]*)}g;
        ok(@paths, "$name has a place for WebSockets");

        for my $path (@paths) {
            my $ws = visitor($nginx, $path, $tls);

            # there is no application that could be asked
            my $status = $text =~ /auth_request/ ? 500 : 101;
            is($ws->status, $status, "$name: $path") or diag($ws->body);
            ok($ws->wait_for('welcome'), 'its welcome') if $status == 101;
            $ws->drop;
        }

        $nginx->stop;
    }

    $nginx->allow(qr/connect\(\) failed/, qr/auth request unexpected status/);
    is_deeply([$nginx->bad_lines], [], "$name: nothing in the error log");
}

done_testing();
