#!/usr/bin/perl

# Each example starts nginx, and an accepted connection is answered.

use strict;
use warnings;

use JSON::PP;

use lib 't/lib';
use RTProp::Test;

my $prefix = RTProp::Nginx::top();
my $temp = join "\n", map { "${_}_temp_path tmp_$_;" }
           qw(client_body proxy fastcgi uwsgi scgi);

my %files = (
    'rtprop/jwt.key' => SECRET,
    'rtprop/api.key' => API_KEY,
    'rtprop/jwks.json' => encode_json({
        keys => [RTProp::JWT::jwk_oct(SECRET, 'k1')] }),
);


# Only what cannot be as it is on this machine: ports, places of modules, logs.

sub adapted {
    my ($text, $tls) = @_;

    $text =~ s{load_module \S+;}{load_module \@MODULE\@;};
    $text =~ s{worker_processes \w+;}{worker_processes 4;};
    $text =~ s{listen \d+}{listen 127.0.0.1:\@PORT\@}g;
    $text =~ s{^http \{}{http {\naccess_log logs/access.log;\n$temp}m;

    return "pid nginx.pid;\nerror_log logs/error.log info;\n"
           . ($> == 0 ? "user nobody nogroup;\n" : '') . $text;
}


for my $file (sort glob "$prefix/conf.examples/*.conf") {
    my ($name) = $file =~ m{([^/]+)$};
    my $text = RTProp::Nginx::slurp($file);
    my $tls = $text =~ /ssl_certificate/;

    my $nginx = RTProp::Nginx->new(full => '', files => \%files);

    if ($tls) {
        mkdir $nginx->prefix . '/rtprop';
        $nginx->make_certificate;
        rename $nginx->prefix . "/cert.$_",
               $nginx->prefix . "/rtprop/cert.$_" for qw(pem key);
    }

    $nginx->{full} = adapted($text, $tls);
    $nginx->write_conf;

    ok(eval { $nginx->start }, "$name starts") or diag($@);

    if ($nginx->alive) {
        my $http = RTProp::HTTP->new(port => $nginx->port, tls => $tls);
        my ($path) = $text =~ m{location (?:= )?(/ws\w*)};

        # every example has a place for WebSockets, which a GET does not get
        like($http->get($path // '/ws')->{status}, qr/^(?:4\d\d|5\d\d)$/,
             "$name answers");
        $nginx->stop;
    }

    $nginx->allow(qr/connect\(\) failed/, qr/auth request unexpected status/);
    is_deeply([$nginx->bad_lines], [], "$name: nothing in the error log");
}

done_testing();
