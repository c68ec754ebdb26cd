# Pgtorch.pm
#	  What the TAP tests share.
#
#	  use Pgtorch;
#	  my $node = pgtorch_node('main', 'max_worker_processes = 4');	# runs, with the extension
#	  is($node->safe_psql('postgres', 'SELECT 1'), '1', 'it answers');
package Pgtorch;

use strict;
use warnings;

use Exporter 'import';
use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;

our @EXPORT = qw(pgtorch_node pgtorch_data);

# A started server with the extension in its database postgres; @conf are lines of postgresql.conf.
sub pgtorch_node
{
	my ($name, @conf) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	$node->init(extra => [ '--locale=C', '--encoding=UTF8' ], allows_streaming => 1);
	$node->append_conf('postgresql.conf', "$_\n") for ("max_worker_processes = 16", @conf);
	$node->start;
	$node->safe_psql('postgres', 'CREATE EXTENSION pgtorch');
	return $node;
}

# The path of a file of test/data.
sub pgtorch_data
{
	return dirname(__FILE__) . "/../data/$_[0]";
}

1;
